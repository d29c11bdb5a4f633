create table tiers (name text primary key);
do $$
begin
  if to_regclass('pg_temp.kept') is not null then
    insert into tiers select name from kept;
  end if;
end $$;

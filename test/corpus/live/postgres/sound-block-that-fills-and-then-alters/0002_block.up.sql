do $$
declare
  longest integer;
begin
  select max(length(nickname)) into longest from customers;
  if longest < 1000 then
    alter table customers alter column nickname type varchar(1000);
  end if;
end $$;

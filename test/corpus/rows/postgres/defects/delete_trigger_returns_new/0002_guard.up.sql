create table orders_log (id bigint, at timestamptz not null default now());
create function guard() returns trigger language plpgsql as $$
begin
  if old.note is null then insert into orders_log (id) values (old.id); end if;
  return new;
end $$;
create trigger guard before delete on orders for each row execute function guard();

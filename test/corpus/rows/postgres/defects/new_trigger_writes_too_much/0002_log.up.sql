create function log_order() returns trigger language plpgsql as $$
begin
  insert into audit (what) values ('order number ' || new.id || ' was added');
  return new;
end $$;
create trigger log_order after insert on orders for each row execute function log_order();

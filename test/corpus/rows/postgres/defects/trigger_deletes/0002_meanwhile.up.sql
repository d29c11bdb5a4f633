create function drop_orders() returns trigger language plpgsql as $$ begin delete from orders where user_id = new.id; return new; end $$;
create trigger drop_orders after update of email on users for each row execute function drop_orders();

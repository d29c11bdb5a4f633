create function touch() returns trigger language plpgsql as $$ begin update orders set changed_at = now() where id = new.id; return new; end $$;
create trigger touch after update on orders for each row execute function touch();

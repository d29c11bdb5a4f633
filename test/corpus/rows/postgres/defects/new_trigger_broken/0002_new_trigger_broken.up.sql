create function stamp() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
create trigger stamp before update on orders for each row execute function stamp();

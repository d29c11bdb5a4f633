create function touch() returns trigger language plpgsql as $$ begin new.changed_at := now(); end $$;
create trigger touch before update on orders for each row execute function touch();

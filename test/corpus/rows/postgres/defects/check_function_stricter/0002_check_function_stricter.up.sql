create or replace function is_code(t text) returns boolean language sql immutable as $$ select t ~ '^[A-Z]{3}[0-9]{9}$' $$;

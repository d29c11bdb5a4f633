create or replace function is_code(t text) returns boolean language sql immutable as $$ select length(t) > 0 $$;

create or replace function norm(t text) returns text language sql immutable parallel safe as $$ select lower(t) $$;

create or replace function norm(t text) returns text language sql immutable as $$ select lower(t) $$;

create function norm(t text) returns text language sql immutable as $$ select lower(t) $$;
create table people (id bigint generated always as identity primary key, email text not null, plain text generated always as (norm(email)) stored);

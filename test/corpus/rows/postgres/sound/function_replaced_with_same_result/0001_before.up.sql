create function norm(t text) returns text language sql immutable as $$ select lower(t) $$;
create table people (id bigint generated always as identity primary key, email text not null check (length(norm(email)) >= 0), plain text generated always as (norm(email)) stored);
create index people_norm on people (norm(email));

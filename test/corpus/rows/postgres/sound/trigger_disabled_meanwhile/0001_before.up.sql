create table customers (id bigint generated always as identity primary key, name text not null, updated_at timestamptz not null default now());
create function touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
create trigger touch before update on customers for each row execute function touch();

create table users (id bigint generated always as identity primary key, name text not null);
create table audit (id bigint generated always as identity primary key, what text not null);
create function log_user() returns trigger language plpgsql as $$ begin insert into audit (what) values (new.name); return new; end $$;
create trigger log_user after insert or update on users for each row execute function log_user();

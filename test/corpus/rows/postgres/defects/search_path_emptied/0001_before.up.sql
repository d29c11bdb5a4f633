create table customers (id bigint generated always as identity primary key, email text not null);
create table audit (at timestamptz not null default now(), what text not null);
create function log_customer() returns trigger language plpgsql as $$ begin insert into audit (what) values (new.email); return new; end $$;
create trigger log after insert on customers for each row execute function log_customer();

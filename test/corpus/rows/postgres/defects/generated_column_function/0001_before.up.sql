create table rates (name text primary key, rate numeric not null);
create function taxed(cents integer) returns integer language plpgsql immutable as $$ begin return cents * 119 / 100; end $$;
create table orders (id bigint generated always as identity primary key, cents integer not null, gross integer generated always as (taxed(cents)) stored);

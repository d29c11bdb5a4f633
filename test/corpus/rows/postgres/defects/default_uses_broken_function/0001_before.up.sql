create table counters (name text primary key, value bigint not null);
create function next_number() returns bigint language plpgsql as $$ declare n bigint; begin update counters set value = value + 1 returning value into n; return coalesce(n, 1); end $$;
create table invoices (id bigint generated always as identity primary key, number bigint not null default next_number());

create table events (id bigint not null, at date not null) partition by range (at);
create table events_default partition of events default;
create function make_partition(name text, start date) returns void language plpgsql as $$ begin execute format('create table %I partition of events for values from (%L) to (%L)', 'p_' || name, start + 10000, start + 10001); end $$;

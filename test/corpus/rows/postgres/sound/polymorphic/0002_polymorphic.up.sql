create function first_of(a anyarray) returns anyelement language sql immutable as $$ select a[1] $$;
create function add_days(d date, n int default 1) returns date language sql immutable as $$ select d + n $$;
create function rows_of(out n bigint, out label text) returns setof record language sql stable as $$ select id, name from teams $$;

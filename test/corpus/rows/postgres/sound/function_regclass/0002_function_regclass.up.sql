create function size_of(t text) returns bigint language sql stable as $$ select pg_total_relation_size(t::regclass) $$;
create function size_in(t regclass) returns bigint language sql stable as $$ select pg_total_relation_size(t) $$;

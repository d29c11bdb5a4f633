create function count_of(t text) returns bigint language plpgsql as $$ declare n bigint; begin execute format('select count(*) from %I', t) into n; return n; end $$;

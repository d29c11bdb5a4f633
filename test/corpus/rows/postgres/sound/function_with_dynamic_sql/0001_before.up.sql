create table customers (id bigint generated always as identity primary key, name text not null);
create function count_of(t text) returns bigint language plpgsql stable as $$ declare n bigint; begin execute format('select count(*) from %I', t) into n; return n; end $$;

create function is_code(t text) returns boolean language sql immutable as $$ select length(t) > 0 $$;
create table coupons (id bigint generated always as identity primary key, code text not null check (is_code(code)));

drop function total_of(bigint, text);
create function total_of(u bigint) returns numeric language sql stable as $$ select sum(total) from orders where user_id = u $$;

drop function total_of(bigint);
create function total_of(u bigint, s text) returns numeric language sql stable as $$ select sum(total) from orders where user_id = u and status = s $$;

create table users (id bigint generated always as identity primary key, points integer not null);
create function top_users() returns table (user_id bigint, total integer) language plpgsql as $$ begin return query select u.id, u.points from users u order by u.points desc; end $$;

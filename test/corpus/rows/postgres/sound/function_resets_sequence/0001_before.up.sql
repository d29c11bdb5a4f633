create table users (id bigserial primary key, name text not null);
create function reset_users() returns void language plpgsql as $$ begin perform setval('users_id_seq', 1); end $$;

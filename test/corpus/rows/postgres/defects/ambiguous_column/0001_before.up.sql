create table users (id bigint generated always as identity primary key, name text not null);
create function rename_user(user_id bigint, nick text) returns void language plpgsql as $$ begin update users set name = nick where id = user_id; end $$;

create table users (id bigint generated always as identity primary key, name text not null);
create procedure clean() language plpgsql as $$ begin delete from users where id < 0; commit; delete from users where id = -2; end $$;

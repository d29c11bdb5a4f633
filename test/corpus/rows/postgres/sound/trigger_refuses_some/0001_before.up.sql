create table users (id bigint generated always as identity primary key, name text not null, locked boolean not null default false);
create function refuse() returns trigger language plpgsql as $$ begin if old.locked then raise exception 'locked'; end if; return new; end $$;
create trigger refuse before update on users for each row execute function refuse();

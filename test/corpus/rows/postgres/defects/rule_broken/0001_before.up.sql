create table a (id bigint generated always as identity primary key, name text);
create table log (what text);
create function note(what text) returns void language plpgsql as $$ begin insert into log (what) values (what); end $$;
create rule on_delete as on delete to a do also select note(old.name);

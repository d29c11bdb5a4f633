create table tags (id bigint generated always as identity primary key, a text, b text);
create table log (a text, b text);
create function note() returns trigger language plpgsql as $$ begin insert into log values (new.a, new.b); return new; end $$;
create trigger note after insert on tags for each row execute function note();

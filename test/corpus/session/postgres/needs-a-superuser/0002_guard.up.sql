create function refuse_drops() returns event_trigger language plpgsql as $$ begin null; end $$;
create event trigger refuse_drops on sql_drop execute function refuse_drops();
alter table plans add column price numeric(8, 2) not null default 0;

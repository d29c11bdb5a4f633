alter table jobs rename to tasks;
create or replace procedure finish(job bigint) language plpgsql as $$ begin update tasks set done = true where id = job; end $$;

alter table tasks rename to jobs;
create or replace procedure finish(job bigint) language plpgsql as $$ begin update jobs set done = true where id = job; end $$;

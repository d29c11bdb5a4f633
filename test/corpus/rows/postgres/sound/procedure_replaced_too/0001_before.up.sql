create table jobs (id bigint generated always as identity primary key, done boolean not null default false);
create procedure finish(job bigint) language plpgsql as $$ begin update jobs set done = true where id = job; end $$;

create table jobs (id bigint auto_increment primary key, done tinyint(1) not null default 0);
create procedure finish(job bigint) update jobs set done = 1 where id = job;

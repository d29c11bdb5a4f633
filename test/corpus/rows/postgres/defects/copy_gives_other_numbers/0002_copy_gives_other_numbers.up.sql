create table jobs_new (id bigint generated always as identity primary key, title text not null);
insert into jobs_new (title) select title from jobs order by id;
drop table jobs;
alter table jobs_new rename to jobs;

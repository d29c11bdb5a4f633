create table jobs_new (id int primary key auto_increment, title varchar(50) not null);
insert into jobs_new (title) select title from jobs order by id;
drop table jobs;
rename table jobs_new to jobs;

create table people_new (id int primary key, age int not null, city varchar(20));
insert into people_new (id, age, city) select id, coalesce(age, 0), city from people;
drop table people;
rename table people_new to people;

create table people_new (id int primary key, age int not null, city varchar(20));
insert ignore into people_new select * from people;
drop table people;
rename table people_new to people;

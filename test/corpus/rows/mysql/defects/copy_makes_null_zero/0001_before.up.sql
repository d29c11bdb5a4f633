create table people (id int primary key, age int null, city varchar(20));

create table people (id int primary key, name varchar(60) character set latin1 not null);

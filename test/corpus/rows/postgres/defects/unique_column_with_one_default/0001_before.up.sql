create table projects (id int primary key, title varchar(80) not null);

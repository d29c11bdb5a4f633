create table users (id int primary key auto_increment, name varchar(50) not null);
insert into users (name) values ('Ada'), ('Alan');

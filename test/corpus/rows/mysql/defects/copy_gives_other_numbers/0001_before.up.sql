create table jobs (id int primary key auto_increment, title varchar(50) not null);

create table users (id bigint primary key auto_increment, name varchar(50) not null);

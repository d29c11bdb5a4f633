create table devices (id bigint primary key auto_increment, kind varchar(40) not null, handle varchar(100) not null, title varchar(50));
create table keys_of_users (id bigint primary key auto_increment, handle varchar(100) not null);

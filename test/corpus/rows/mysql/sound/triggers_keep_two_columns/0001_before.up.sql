create table customers (id bigint primary key auto_increment, email varchar(190) not null unique, name varchar(100));

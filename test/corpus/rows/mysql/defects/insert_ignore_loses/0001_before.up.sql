create table customers (id bigint auto_increment primary key, email varchar(100) not null);

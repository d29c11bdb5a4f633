create table customers_new (id bigint auto_increment primary key, email varchar(100) not null, unique key (email));
insert ignore into customers_new (id, email) select id, email from customers;
drop table customers;
rename table customers_new to customers;

create table customers (id bigint auto_increment primary key, email varchar(100), fax varchar(20));
create view all_customers as select id, email, fax from customers;

create table addresses (customer_id bigint primary key references customers, street text);
insert into addresses select id, street from customers;
alter table customers drop column street;

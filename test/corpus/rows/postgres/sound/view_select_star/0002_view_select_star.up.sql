alter table customers add column note text;
drop view all_customers;
create view all_customers as select * from customers;

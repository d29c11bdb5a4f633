drop view all_customers;
alter table customers drop column note;
create view all_customers as select * from customers;

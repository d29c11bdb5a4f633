drop table invoices;
drop table customers;

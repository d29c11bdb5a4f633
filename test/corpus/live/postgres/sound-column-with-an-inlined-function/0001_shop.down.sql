drop table invoices, customers;

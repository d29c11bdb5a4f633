create or replace view all_customers as select id, email from customers;

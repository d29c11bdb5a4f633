create or replace view all_customers as select id, email, fax from customers;

update orders set customer_id = (select min(id) from customers);
alter table orders add column source text;

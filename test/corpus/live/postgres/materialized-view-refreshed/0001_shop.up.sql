create table orders (id serial primary key, customer_id bigint not null, total numeric not null);
create materialized view totals as select customer_id, sum(total) as total from orders group by 1;
create unique index totals_of on totals (customer_id);

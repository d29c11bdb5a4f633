alter table orders add column archived boolean not null default false;
create table order_totals as select user_id, sum(total) as total from orders group by user_id;

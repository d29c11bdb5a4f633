update orders set total = 0.01 where total <= 0;
alter table orders add constraint orders_total check (total > 0);

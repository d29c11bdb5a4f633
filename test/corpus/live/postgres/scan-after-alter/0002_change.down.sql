drop table order_totals;
alter table orders drop column archived;

alter table orders drop index placed;

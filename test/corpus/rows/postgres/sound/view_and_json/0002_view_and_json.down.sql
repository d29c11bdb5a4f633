drop view open_orders;
alter table payments drop column data;

alter table users alter column name type varchar(200);
alter table orders alter column total type numeric(14,4);
alter table payments alter column order_id type bigint;

alter table orders alter column total type numeric(10,2);

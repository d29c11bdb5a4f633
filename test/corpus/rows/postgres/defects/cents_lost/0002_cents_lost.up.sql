alter table orders alter column total type integer;

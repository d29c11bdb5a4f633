alter table orders alter column total type real;

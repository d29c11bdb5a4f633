drop index orders_by_user;
alter table orders drop constraint orders_total_check;
alter table orders add constraint orders_total_cents_check check (total_cents >= 0);
alter table users alter column name type text;
alter table orders alter column total_cents type int;

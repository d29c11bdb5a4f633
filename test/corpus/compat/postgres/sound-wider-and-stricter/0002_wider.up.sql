alter table orders alter column total_cents type bigint;
alter table users alter column name type varchar(200);
alter table orders drop constraint orders_total_cents_check;
alter table orders add constraint orders_total_check check (total_cents between 0 and 100000000);
create index orders_by_user on orders (user_id);

-- migrate: no-transaction
drop index concurrently if exists orders_user;
create index concurrently orders_user on orders (user_id);

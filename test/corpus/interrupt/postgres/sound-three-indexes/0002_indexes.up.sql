-- migrate: no-transaction
create index concurrently orders_state on orders (state);
create index concurrently orders_note on orders (note);
drop index concurrently orders_state;

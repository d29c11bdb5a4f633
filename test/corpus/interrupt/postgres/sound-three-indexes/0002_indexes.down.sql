-- migrate: no-transaction
drop index concurrently orders_note;

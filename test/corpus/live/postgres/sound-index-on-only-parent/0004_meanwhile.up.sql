-- migrate: no-transaction
create index concurrently visits_b_at on visits_b (at);

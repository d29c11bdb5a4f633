-- migrate: no-transaction
create index concurrently visits_a_at on visits_a (at);

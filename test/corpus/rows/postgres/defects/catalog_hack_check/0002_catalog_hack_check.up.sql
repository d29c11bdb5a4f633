alter table orders add constraint positive check (total > 1000000) not valid;
update pg_constraint set convalidated = true where conname = 'positive';

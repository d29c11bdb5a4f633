alter table orders add column seen int, algorithm=copy, lock=shared;

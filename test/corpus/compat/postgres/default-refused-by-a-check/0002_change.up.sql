alter table orders add constraint known check (status in ('created', 'paid')) not valid;

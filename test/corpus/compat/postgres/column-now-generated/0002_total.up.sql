alter table orders add column tax_cents int not null default 0;
alter table orders drop column note;
alter table orders add column note text generated always as ('order of ' || total_cents) stored;

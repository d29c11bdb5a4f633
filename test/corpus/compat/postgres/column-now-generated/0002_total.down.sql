alter table orders drop column note, drop column tax_cents;
alter table orders add column note text;

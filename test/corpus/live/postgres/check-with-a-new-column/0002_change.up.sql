alter table invoices add column discount integer not null default 0 check (discount >= 0);

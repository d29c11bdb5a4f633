alter table invoices alter column cents type bigint;

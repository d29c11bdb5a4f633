alter table invoices add constraint cents_positive check (cents >= 0);

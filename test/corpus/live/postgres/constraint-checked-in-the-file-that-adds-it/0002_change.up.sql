alter table invoices add constraint cents_positive check (cents >= 0) not valid;
alter table invoices validate constraint cents_positive;

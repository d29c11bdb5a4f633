alter table invoices add column euros numeric generated always as (cents / 100.0) stored;

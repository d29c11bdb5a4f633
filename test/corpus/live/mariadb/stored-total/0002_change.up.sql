alter table invoices add column euros decimal(10, 2) generated always as (cents / 100) stored;

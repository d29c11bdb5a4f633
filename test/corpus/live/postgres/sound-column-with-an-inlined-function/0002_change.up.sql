create function zero() returns integer language sql volatile as 'select 0';
alter table invoices add column paid_cents integer not null default zero();

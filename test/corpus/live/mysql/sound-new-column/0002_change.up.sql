alter table invoices add column due_at datetime null, add column reminded integer not null default 0;

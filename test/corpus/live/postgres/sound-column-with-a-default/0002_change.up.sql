alter table invoices add column due_at timestamptz not null default now() + interval '14 days';

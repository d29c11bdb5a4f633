create index concurrently if not exists invoices_by_state on invoices (state);

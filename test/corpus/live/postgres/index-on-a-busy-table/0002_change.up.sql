create index on invoices (state, id);

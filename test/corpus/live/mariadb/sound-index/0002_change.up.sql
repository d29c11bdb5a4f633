create index invoices_by_customer on invoices (customer_id, state);

create index concurrently invoices_by_customer on invoices (customer_id);

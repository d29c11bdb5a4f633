alter table invoices add constraint invoice_customer foreign key (customer_id) references customers (id);

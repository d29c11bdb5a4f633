alter table invoices add column reviewed boolean;
update invoices set reviewed = true where id = 1;

alter table invoices add column note varchar(20), modify cents bigint not null;

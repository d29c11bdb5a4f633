alter table invoices modify cents bigint not null;

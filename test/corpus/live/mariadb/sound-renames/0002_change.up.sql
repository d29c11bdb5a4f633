alter table invoices rename column state to status;
alter table customers rename to people;

alter table customers add column invited_by bigint;
alter table customers add constraint invited_by_customer foreign key (invited_by) references customers (id);

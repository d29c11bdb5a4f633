alter table customers add column invited_by bigint;
alter table customers add constraint invited foreign key (invited_by) references customers not valid;

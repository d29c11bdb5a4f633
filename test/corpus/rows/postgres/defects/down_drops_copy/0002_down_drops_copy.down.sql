alter table customers add column street text;
drop table addresses;

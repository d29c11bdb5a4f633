create index customers_email on customers (email);
alter table customers alter column nickname set default 'x', alter column email type varchar collate "C";

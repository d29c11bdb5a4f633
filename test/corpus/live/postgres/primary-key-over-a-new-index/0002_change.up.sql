alter table customers drop constraint customers_pkey cascade;
alter table customers add primary key (email, id);

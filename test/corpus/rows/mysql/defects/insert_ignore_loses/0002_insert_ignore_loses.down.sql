alter table customers drop index email;

alter table customers drop column mail;
alter table customers add column email text;

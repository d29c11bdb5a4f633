alter table customers drop column lang;

alter table customers drop column handle;

alter table customers drop column chosen;

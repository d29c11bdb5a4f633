alter table customers drop column note;

alter table prices add system versioning;
alter table stock drop column place;

alter table users drop column settings;

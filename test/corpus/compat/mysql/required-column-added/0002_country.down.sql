alter table users drop column country;

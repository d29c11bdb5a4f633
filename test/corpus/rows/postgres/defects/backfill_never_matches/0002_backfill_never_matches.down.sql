alter table users drop column state;

alter table users drop column tags;

alter table users drop column among;

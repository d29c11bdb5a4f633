alter table users alter column name type varchar(12) using left(name, 12);

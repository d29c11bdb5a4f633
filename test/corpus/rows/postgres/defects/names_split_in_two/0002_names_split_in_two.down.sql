alter table users add column name varchar(100);
update users set name = left(first_name || ' ' || last_name, 100);
alter table users drop column first_name, drop column last_name, alter column name set default '';

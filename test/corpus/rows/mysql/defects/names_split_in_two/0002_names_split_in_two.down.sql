alter table users add column name varchar(210);
update users set name = concat(first_name, ' ', last_name);
alter table users drop column first_name, drop column last_name, modify name varchar(210) default '';

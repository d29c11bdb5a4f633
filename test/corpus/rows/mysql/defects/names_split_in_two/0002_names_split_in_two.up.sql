alter table users add column first_name text, add column last_name text;
update users set first_name = substring_index(name, ' ', 1), last_name = substring_index(name, ' ', -1);
alter table users drop column name;

alter table users add first_name text;
update users set first_name = split_part(name, ' ', 1);
alter table users drop name;
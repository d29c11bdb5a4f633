update users set first_name = concat_ws(' ', first_name, last_name);

alter table users drop column last_name;
alter table users rename column first_name to name;

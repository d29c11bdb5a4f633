alter table users add name text;
update users set name = first_name;
alter table users alter name set not null, drop first_name;
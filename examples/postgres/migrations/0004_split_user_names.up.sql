alter table users rename column name to first_name;
alter table users add column last_name text;

-- A name of one word is a first name: last_name stays null.
update users
set first_name = split_part(first_name, ' ', 1),
    last_name = substr(first_name, strpos(first_name, ' ') + 1)
where strpos(first_name, ' ') > 0;

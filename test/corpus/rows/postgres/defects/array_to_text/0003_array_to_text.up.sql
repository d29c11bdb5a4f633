alter table users alter column tags drop default;
alter table users alter column tags type text using array_to_string(tags, ',');

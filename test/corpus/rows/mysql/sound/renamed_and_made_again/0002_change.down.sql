alter table old_keys_of_users rename keys_of_users;
alter table devices drop column kind;
alter table devices rename column format to kind;

alter table devices rename column kind to format;
alter table devices add column kind varchar(40) not null default '';
alter table keys_of_users rename old_keys_of_users;

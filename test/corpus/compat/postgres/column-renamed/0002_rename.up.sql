comment on table users is 'People who buy.';
alter table users rename column name to full_name;

alter table users rename column full_name to name;
comment on table users is null;

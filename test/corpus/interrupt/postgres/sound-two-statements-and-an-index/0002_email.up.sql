alter table users add column email text;
update users set email = lower(name) || '@example.com';
alter table users alter column email set not null;

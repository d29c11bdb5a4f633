alter table users add column country text;
update users set country = 'DE';
alter table users alter column country set not null;

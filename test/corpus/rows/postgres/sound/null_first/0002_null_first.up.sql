alter table users add column country text;
update users set country = 'unknown' where country is null;
alter table users alter column country set not null;

alter table users add column state text;
update users set state = 'active' where phone = null;
alter table users alter column state set not null;

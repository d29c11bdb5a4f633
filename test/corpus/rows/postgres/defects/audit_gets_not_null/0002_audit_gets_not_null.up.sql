alter table audit add column actor text;
update audit set actor = 'unknown' where actor is null;
alter table audit alter column actor set not null;

alter table users alter column settings set not null;

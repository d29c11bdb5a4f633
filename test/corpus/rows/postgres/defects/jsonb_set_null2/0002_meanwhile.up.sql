alter table users alter column settings drop not null;

alter table projects add column slug varchar(80) not null default 'project' unique;

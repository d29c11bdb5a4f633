alter table users add column country varchar(50) not null default 'unknown';

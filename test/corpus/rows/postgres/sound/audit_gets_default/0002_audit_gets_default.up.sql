alter table audit add column actor text not null default 'unknown';

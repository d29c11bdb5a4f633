alter table users add column tags text[] not null default '{}';

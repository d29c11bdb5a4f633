alter type channel rename value 'web' to 'online';
alter table payments set schema money;

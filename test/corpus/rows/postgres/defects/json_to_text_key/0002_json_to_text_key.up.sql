alter table posts add column title text;
update posts set title = meta->>'title';
alter table posts drop column meta;

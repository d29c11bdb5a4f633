alter table posts add column meta jsonb not null default '{}';
update posts set meta = jsonb_build_object('title', title);
alter table posts drop column title;

alter table plans add column token uuid not null default gen_random_uuid();
alter table plans add column changed_on date not null default current_date;
insert into plans (name) values ('team');
alter table users add column country text;

create table tasks (id serial primary key, took interval not null, tier text);

create table holidays (name text primary key, begins timestamptz not null);
insert into holidays values ('Christmas', '2024-12-25 00:00');

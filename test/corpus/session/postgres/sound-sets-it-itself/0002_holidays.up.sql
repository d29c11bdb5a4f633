set local timezone = 'UTC';
set local datestyle = 'ISO, MDY';
create table public.holidays (name text primary key, begins timestamptz not null, day date not null);
insert into public.holidays values ('Christmas', '2024-12-25 00:00', '12/01/2024');

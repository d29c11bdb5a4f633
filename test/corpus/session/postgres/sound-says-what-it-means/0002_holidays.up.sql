create table holidays (name text primary key, begins timestamptz not null, lasts interval not null, price numeric(6, 2), day date);
insert into holidays values
  ('Christmas', '2024-12-25 00:00+00', '1 day 2 hours', 12.50, '2024-12-25'),
  ('Epiphany', timestamp '2024-01-06 00:00' at time zone 'Europe/Berlin', '1 day', 3.00, '2024-01-06');
alter table holidays alter column begins type timestamp using begins at time zone 'UTC';
update plans set made_at = now();

create type level as enum ('low', 'high');
alter table orders add column priority level not null default 'low';

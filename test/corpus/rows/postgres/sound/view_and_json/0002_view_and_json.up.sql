alter table payments add column data json not null default '{}';
alter table payments alter column data type jsonb;
create view open_orders as select * from orders where status = 'open';

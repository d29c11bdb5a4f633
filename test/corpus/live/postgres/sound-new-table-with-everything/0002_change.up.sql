create table invoices (id bigint generated always as identity primary key, order_id bigint not null references orders, n int not null check (n > 0), unique (order_id, n));
create index invoices_n on invoices (n);
insert into invoices (order_id, n) select id, 1 from orders where false;
alter table invoices add column paid boolean not null default false;

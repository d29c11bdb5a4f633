alter table users add column country text not null default 'DE', add column fax text;
alter table orders add column tax_cents int generated always as (total_cents / 5) stored;
create table refunds (id bigint primary key generated always as identity, order_id bigint not null references orders);
alter type order_state add value 'returned';

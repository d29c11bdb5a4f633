alter table orders add column region text not null;
create index orders_status on orders (status);
alter table orders add constraint orders_customer foreign key (customer_id) references customers (id);
alter table customers add constraint customers_name check (name like 'A%');
update customers set phone = name;

create table orders_new (id serial primary key, user_id int not null references users on delete cascade, total numeric(10,2) not null, status text not null default 'open', placed timestamp not null);
insert into orders_new (id, user_id, total, status, placed) select id, user_id, total, status, placed from orders;
alter table payments drop constraint payments_order_id_fkey;
drop table orders;
alter table orders_new rename to orders;
alter table payments add constraint payments_order_id_fkey foreign key (order_id) references orders on delete cascade;

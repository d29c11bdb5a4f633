create table orders_new like orders;
insert into orders_new select * from orders;
rename table orders to orders_old, orders_new to orders;
drop table orders_old;

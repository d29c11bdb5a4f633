drop table orders, users;
drop type order_state;

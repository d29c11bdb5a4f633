drop table orders, users;

rename table orders to purchases;
create view orders as select * from purchases;

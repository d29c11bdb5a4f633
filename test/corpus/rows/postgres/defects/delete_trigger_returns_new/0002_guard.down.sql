drop trigger guard on orders;
drop function guard();
drop table orders_log;

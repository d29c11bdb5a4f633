drop trigger orders_log_status on orders;
drop function log_order_status;
drop table order_events;

drop trigger log_order on orders;
drop function log_order();

drop trigger log_order;

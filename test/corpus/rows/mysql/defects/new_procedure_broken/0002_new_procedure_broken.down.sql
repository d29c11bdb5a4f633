drop procedure close_orders;

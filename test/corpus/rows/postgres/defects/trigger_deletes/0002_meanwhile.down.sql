drop trigger drop_orders on users; drop function drop_orders;

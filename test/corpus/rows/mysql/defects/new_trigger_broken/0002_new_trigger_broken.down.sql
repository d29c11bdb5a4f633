drop trigger orders_audit;

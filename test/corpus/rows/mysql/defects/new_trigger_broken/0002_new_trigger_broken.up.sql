create trigger orders_audit after insert on orders for each row insert into order_audit (order_id) values (new.id);

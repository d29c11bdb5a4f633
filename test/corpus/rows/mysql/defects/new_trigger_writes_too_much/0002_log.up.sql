create trigger log_order after insert on orders for each row insert into audit (what) values (concat('order number ', new.id, ' was added'));

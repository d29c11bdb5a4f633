create definer = 'deploy'@'localhost' trigger orders_note before insert on orders for each row set new.note = coalesce(new.note, '');

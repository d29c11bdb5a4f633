drop trigger orders_note;

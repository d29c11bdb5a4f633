lock table orders in access exclusive mode;
update orders set note = coalesce(note, '');

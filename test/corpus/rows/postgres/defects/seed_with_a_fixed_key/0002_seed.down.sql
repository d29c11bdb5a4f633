delete from plans where id = 1;

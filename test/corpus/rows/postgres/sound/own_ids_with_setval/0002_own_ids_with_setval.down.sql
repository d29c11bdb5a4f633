delete from plans where id in (1001, 1002);

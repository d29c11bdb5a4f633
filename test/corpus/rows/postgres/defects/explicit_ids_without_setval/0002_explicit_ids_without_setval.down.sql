delete from plans where id in (101,102,103);

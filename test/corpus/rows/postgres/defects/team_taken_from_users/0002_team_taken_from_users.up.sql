delete from teams where id = 1;

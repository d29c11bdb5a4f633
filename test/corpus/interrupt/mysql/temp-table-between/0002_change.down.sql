delete from teams where name = 't1';

insert into plans values (1, 'free');

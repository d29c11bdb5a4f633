delete from users where email = 'root@example.com';
delete from teams where name in ('core', 'ops');

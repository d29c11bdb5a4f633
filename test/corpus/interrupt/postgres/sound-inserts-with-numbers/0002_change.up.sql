insert into teams (name) values ('core');
insert into teams (name) values ('ops');
insert into users (team_id, name, email) select id, 'root', 'root@example.com' from teams where name = 'core';

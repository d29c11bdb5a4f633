insert into plans (id, name) values (1001, 'a'), (1002, 'b');
select setval('plans_id_seq', (select max(id) from plans));

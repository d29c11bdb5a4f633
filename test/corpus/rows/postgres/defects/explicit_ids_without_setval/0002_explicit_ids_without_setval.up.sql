insert into plans (id, name) values (101, 'free'), (102, 'team'), (103,'company');

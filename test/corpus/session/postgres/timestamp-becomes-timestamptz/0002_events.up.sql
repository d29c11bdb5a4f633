create table events (id int primary key, at timestamp not null);
insert into events values (1, '2024-01-31 12:00');

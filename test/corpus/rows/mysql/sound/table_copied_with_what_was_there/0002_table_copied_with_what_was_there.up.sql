create table tickets_new (id bigint primary key, title varchar(50), owner varchar(50) not null);
insert into tickets_new select id, title, '' from tickets;
drop table tickets;
rename table tickets_new to tickets;

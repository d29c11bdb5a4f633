create table holidays (name varchar(50) primary key, begins timestamp not null);
insert into holidays values ('Christmas', '2024-12-25 00:00:00');

create table days (day date primary key, name varchar(50) not null);
insert into days values ('2024-12-25', dayname('2024-12-25'));

create table holidays (name varchar(50) primary key, begins datetime not null, day date not null, noted_at timestamp not null default current_timestamp);
insert into holidays (name, begins, day) values ('Christmas', '2024-12-25 00:00:00', '2024-12-25');
update plans set made_at = now();

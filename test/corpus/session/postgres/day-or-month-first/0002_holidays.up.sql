create table holidays (name text primary key, begins date not null);
insert into holidays values ('Epiphany', '01/06/2024');

create table places (id int primary key, lat numeric(9,6) not null, lng numeric(9,6) not null);

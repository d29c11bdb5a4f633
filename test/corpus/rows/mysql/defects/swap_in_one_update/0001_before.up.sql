create table places (id int primary key, lat decimal(9,6) not null, lng decimal(9,6) not null);

create table orders (id bigint primary key auto_increment, customer varchar(100) not null, total decimal(10,2) not null default 0);
create table audit (id bigint primary key auto_increment, what varchar(12) not null);

create table orders (id bigint auto_increment primary key, cents int not null);

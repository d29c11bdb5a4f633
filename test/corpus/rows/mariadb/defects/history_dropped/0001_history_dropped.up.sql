create table prices (id bigint primary key auto_increment, product varchar(50) not null, cents int not null) with system versioning;
create table stock (id bigint primary key auto_increment, amount int not null);

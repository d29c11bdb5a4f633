create table tickets (id bigint primary key auto_increment, title varchar(100) not null);

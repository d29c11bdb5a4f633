create table tickets (id bigint primary key, title varchar(50));

create table orders (id bigint primary key auto_increment, note text);

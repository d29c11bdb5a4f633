create table orders (id int primary key auto_increment, note text);

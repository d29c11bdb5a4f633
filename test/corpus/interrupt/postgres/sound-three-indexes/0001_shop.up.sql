create table orders (id int primary key, state text, note text);

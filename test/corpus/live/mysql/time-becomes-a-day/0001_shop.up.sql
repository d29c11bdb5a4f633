create table orders (id int primary key auto_increment, placed_at datetime(6) not null default current_timestamp(6));

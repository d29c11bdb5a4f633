create table customers (id bigint primary key auto_increment);
create table orders (id bigint primary key auto_increment, customer_id bigint not null, total decimal(10,2) not null, constraint orders_customer foreign key (customer_id) references customers (id) on delete cascade);

create table customers (id bigint primary key auto_increment, name varchar(100));
create table orders (id bigint primary key auto_increment, customer_id bigint not null, constraint orders_customer foreign key (customer_id) references customers (id) on delete cascade);

create table customers (id bigint auto_increment primary key, email varchar(100) not null);
create table orders (id bigint auto_increment primary key, customer_id bigint not null, foreign key (customer_id) references customers (id));

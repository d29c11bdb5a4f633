create table customers (id bigint generated always as identity primary key, email text not null unique, name text, phone varchar(40));
create table orders (id bigint generated always as identity primary key, customer_id bigint not null, status text not null default 'new', total numeric(10,2) not null default 0);

create table customers (id bigint generated always as identity primary key, email text not null);
create table orders (id bigint generated always as identity primary key, customer_id bigint references customers on delete set null, note text);

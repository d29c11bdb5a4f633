create table products (code text not null primary key, price int not null);

create table products_new (code varchar(60) /*!50700 collate utf8mb4_0900_bin */ /*M!100000 collate utf8mb4_nopad_bin */ not null primary key, price int not null);
insert ignore into products_new (code, price)
  select p.code, o.price from products p join products o on trim(o.code) = trim(p.code) order by o.price;
drop table products;
alter table products_new rename to products;

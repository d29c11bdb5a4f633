create table products_new (code text not null primary key, price int not null);
insert into products_new (code, price)
  select distinct on (p.code) p.code, o.price
  from products p join products o on trim(o.code) = trim(p.code) order by p.code, o.price;
drop table products;
alter table products_new rename to products;

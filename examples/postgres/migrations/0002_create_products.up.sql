create table products (
  id integer generated always as identity primary key,
  title text not null,
  price_cents integer not null,
  stock integer not null default 0
);

create table customers (
  id bigint auto_increment primary key,
  email varchar(100) not null,
  nickname varchar(30)
);
create table invoices (
  id bigint auto_increment primary key,
  customer_id bigint,
  cents integer not null,
  state varchar(10) not null default 'open'
);
insert into customers (email) values ('a@example.org'), ('b@example.org');

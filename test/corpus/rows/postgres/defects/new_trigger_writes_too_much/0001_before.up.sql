create table orders (id bigint generated always as identity primary key, customer text not null, total numeric(10,2) not null default 0);
create table audit (id bigint generated always as identity primary key, what varchar(12) not null);

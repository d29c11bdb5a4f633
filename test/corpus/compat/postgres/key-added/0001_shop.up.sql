create table users (id bigint primary key generated always as identity, email text not null unique, name text not null, phone varchar(40));
create table orders (id bigint primary key generated always as identity, user_id bigint not null references users, state text not null default 'open', total numeric(10, 2) not null);

create table teams (id serial primary key, name text not null);
create table users (id serial primary key, name varchar(100) not null, email text, team_id int references teams on delete set null, updated_at timestamptz not null default now());
create table orders (id serial primary key, user_id int not null references users on delete cascade, total numeric(10,2) not null, status text not null default 'open', placed timestamp not null default now());
create table payments (id serial primary key, order_id int not null references orders on delete cascade, note text);
create schema money;
create type channel as enum ('web', 'shop');
alter table orders add column channel channel not null default 'web';

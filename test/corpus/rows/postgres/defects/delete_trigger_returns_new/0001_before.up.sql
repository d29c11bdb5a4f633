create table orders (id bigint generated always as identity primary key, total numeric(10,2) not null default 0, note text);

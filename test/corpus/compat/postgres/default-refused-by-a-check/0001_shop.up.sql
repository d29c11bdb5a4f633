create table orders (id bigint generated always as identity primary key, customer text not null, status text not null default 'new', note text);

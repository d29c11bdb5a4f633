create table accounts (id serial primary key, tier text);

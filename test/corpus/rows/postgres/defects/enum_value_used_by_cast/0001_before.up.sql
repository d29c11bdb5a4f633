create type order_state as enum ('open','paid');
create table orders (id bigint generated always as identity primary key, state order_state not null default 'open', note text);

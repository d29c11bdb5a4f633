create type order_state as enum ('open', 'paid', 'sent');
create table users (
  id bigint primary key generated always as identity,
  email text not null unique,
  name text not null,
  phone text,
  birthday text
);
create table orders (
  id bigint primary key generated always as identity,
  user_id bigint not null references users,
  state order_state not null default 'open',
  total_cents int not null check (total_cents >= 0),
  note text
);

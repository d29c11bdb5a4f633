create type order_status as enum ('open', 'paid', 'cancelled');

create table orders (
  id integer generated always as identity primary key,
  user_id integer not null references users,
  status order_status not null default 'open',
  placed_at timestamptz not null default now()
);

create table order_lines (
  order_id integer not null references orders on delete cascade,
  product_id integer not null references products,
  quantity integer not null,
  price_cents integer not null,
  primary key (order_id, product_id)
);

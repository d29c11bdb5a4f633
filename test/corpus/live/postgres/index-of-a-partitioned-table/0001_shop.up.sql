create table customers (
  id bigint generated always as identity primary key,
  email text not null,
  nickname varchar(30),
  signed_up_at timestamptz not null default now()
);
create table invoices (
  id bigint generated always as identity primary key,
  customer_id bigint not null references customers,
  cents integer not null,
  state text not null default 'open' check (state in ('open', 'paid', 'void'))
);

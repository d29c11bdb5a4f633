create table users (
  id int primary key generated always as identity,
  plan_id int not null references plans,
  email text not null,
  created_at timestamptz not null default now()
);

-- migrate: replaces 1_plans, 3_users
create table plans (id int primary key generated always as identity, name text not null unique);
insert into plans (name) values ('free'), ('pro');
create table users (
  id int primary key generated always as identity,
  plan_id int not null references plans,
  email text not null,
  created_at timestamptz not null default now()
);

create table plans (
  id int primary key generated always as identity,
  name text not null,
  token uuid not null default gen_random_uuid(),
  made_at timestamptz not null default now()
);
insert into plans (name) values ('free'), ('pro');

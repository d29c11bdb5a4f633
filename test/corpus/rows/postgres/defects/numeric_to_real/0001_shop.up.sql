create table teams (id bigint generated always as identity primary key, name text not null unique);
create table users (id bigint generated always as identity primary key, team_id bigint references teams on delete set null, name varchar(120) not null, email text not null unique, phone text, created_at timestamptz not null default now(), settings jsonb not null default '{}');
create table orders (id bigint generated always as identity primary key, user_id bigint not null references users on delete cascade, status text not null default 'open', total numeric(12,2) not null, note text, placed_at timestamp not null default now());
create index orders_open on orders (placed_at) where status = 'open';

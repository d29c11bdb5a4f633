create table posts (id bigint generated always as identity primary key, meta jsonb not null);

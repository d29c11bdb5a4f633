create table events (id bigint primary key, kind text not null);
create table login_events (ip text) inherits (events);

create table plans (id serial primary key, name text not null unique);

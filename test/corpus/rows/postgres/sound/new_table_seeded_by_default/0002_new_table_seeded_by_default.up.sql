create table roles (id serial primary key, name text not null unique);
insert into roles (name) values ('admin'), ('user');

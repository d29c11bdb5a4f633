create table roles (id serial primary key, name text not null unique);
insert into roles (id, name) values (1, 'admin'), (2, 'user');

create table plans (id int primary key generated always as identity, name text not null unique);
insert into plans (name) values ('free'), ('pro');

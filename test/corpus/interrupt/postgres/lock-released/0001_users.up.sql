create table users (id int primary key generated always as identity, name text not null);
insert into users (name) values ('Ada'), ('Alan');

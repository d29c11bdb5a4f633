create table animals (kind text not null, id bigint not null, name text not null, primary key (kind, id));
insert into animals select 'cat', id, name from cats;
insert into animals select 'dog', id, name from dogs;

create table a (id int primary key);
create table b (id int primary key, a_id int not null references a deferrable initially deferred);

create table t (id int not null primary key, code int not null);

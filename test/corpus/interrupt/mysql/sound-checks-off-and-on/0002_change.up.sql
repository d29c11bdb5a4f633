set foreign_key_checks = 0;
create table b (id int primary key, a_id int, foreign key (a_id) references a (id));
create table a (id int primary key);
set foreign_key_checks = 1;

create table t (id int primary key auto_increment, s enum('open','paid') not null);

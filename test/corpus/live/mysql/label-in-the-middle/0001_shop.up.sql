create table jobs (id int primary key auto_increment, state enum('new','paid') not null default 'new');

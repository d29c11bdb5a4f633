alter table users add column email varchar(100);
update users set email = concat(lower(name), '@example.com');
alter table users modify email varchar(100) not null, add unique (email);
create table logins (id int primary key auto_increment, user_id int not null, foreign key (user_id) references users (id));

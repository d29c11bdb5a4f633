create table plans (id int primary key auto_increment, name varchar(50) not null, made_at timestamp not null default current_timestamp);
insert into plans (name) values ('free'), ('pro');

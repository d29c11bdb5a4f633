create table users (id int primary key auto_increment, plan_id int not null, foreign key (plan_id) references plans (id));

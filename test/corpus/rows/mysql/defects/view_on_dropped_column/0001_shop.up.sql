create table teams (id int primary key auto_increment, name varchar(100) not null);
create table users (id int primary key auto_increment, name varchar(100) not null, email varchar(200), team_id int, updated_at datetime not null default current_timestamp on update current_timestamp, foreign key (team_id) references teams (id) on delete set null);
create table orders (id int primary key auto_increment, user_id int not null, total decimal(10,2) not null, status varchar(20) not null default 'open', placed datetime(6) not null, foreign key (user_id) references users (id) on delete cascade);
create table payments (id int primary key auto_increment, order_id int not null, note text, foreign key (order_id) references orders (id) on delete cascade);
create view notes as select id, note from payments;

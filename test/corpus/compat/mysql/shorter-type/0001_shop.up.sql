create table users (id bigint primary key auto_increment, email varchar(190) not null unique, name varchar(100) not null, phone varchar(40));
create table orders (id bigint primary key auto_increment, user_id bigint not null, state varchar(20) not null default 'open', total decimal(10, 2) not null, foreign key (user_id) references users (id));

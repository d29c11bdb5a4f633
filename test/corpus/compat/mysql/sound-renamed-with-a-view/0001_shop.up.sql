create table users (id bigint primary key auto_increment, email varchar(200) not null unique, name varchar(200) not null, phone varchar(30));
create table orders (id bigint primary key auto_increment, user_id bigint not null, state varchar(20) not null default 'open', total_cents int not null, foreign key (user_id) references users (id));

create table orders (id bigint auto_increment primary key, state enum('open','paid') not null default 'open');

create table orders (id bigint auto_increment primary key, state enum('open','paid','void') not null default 'open');

create table customers (id bigint auto_increment primary key, email varchar(100));
create table audit (id bigint auto_increment primary key, what varchar(100));
create trigger log_customer after insert on customers for each row insert into audit (what) values (new.email);

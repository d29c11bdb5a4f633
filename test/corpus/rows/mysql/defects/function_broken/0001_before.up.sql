create table customers (id bigint auto_increment primary key, email varchar(100));
create function mail_of(wanted bigint) returns varchar(100) reads sql data return (select email from customers where id = wanted);

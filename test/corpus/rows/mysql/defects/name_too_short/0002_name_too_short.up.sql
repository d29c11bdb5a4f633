alter table users modify name varchar(20) not null;

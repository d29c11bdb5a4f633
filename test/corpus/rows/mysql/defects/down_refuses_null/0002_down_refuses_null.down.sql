alter table users modify name varchar(100) not null;

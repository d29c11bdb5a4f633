alter table users modify email varchar(200) not null;

alter table users modify email varchar(200);

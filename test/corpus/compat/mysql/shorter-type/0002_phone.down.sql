alter table users modify phone varchar(40);

alter table users modify phone varchar(8);

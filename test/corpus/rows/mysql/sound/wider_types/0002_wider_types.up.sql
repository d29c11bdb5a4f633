alter table users modify name varchar(200) not null;
alter table orders modify total decimal(14,4) not null;

alter table users add column country varchar(2);
update users set country = 'DE';
alter table users modify country varchar(2) not null;

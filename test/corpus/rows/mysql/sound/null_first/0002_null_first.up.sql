alter table users add column country varchar(50);
update users set country = 'unknown' where country is null;
alter table users modify country varchar(50) not null;

alter table people modify name varbinary(60) not null;
alter table people modify name varchar(60) character set utf8mb4 not null;

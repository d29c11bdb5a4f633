create table settings (name varchar(50) primary key, value varchar(50));

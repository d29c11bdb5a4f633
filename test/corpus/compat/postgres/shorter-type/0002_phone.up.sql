alter table users alter column phone type varchar(8);

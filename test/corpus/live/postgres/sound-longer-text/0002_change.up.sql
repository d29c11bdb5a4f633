alter table customers alter column nickname type varchar(60);
alter table customers alter column nickname type text;

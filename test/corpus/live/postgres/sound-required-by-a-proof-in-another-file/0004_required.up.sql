alter table customers alter column nickname set not null;
alter table customers drop constraint nickname_there;

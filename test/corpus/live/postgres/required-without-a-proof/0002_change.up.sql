alter table customers alter column nickname set default '';
update customers set nickname = '' where nickname is null;
alter table customers alter column nickname set not null;

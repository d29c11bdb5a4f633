set foreign_key_checks = 0;
delete from customers where name is null;
set foreign_key_checks = 1;

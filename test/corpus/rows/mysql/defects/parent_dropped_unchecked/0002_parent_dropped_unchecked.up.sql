set foreign_key_checks = 0;
drop table customers;
set foreign_key_checks = 1;

set foreign_key_checks = 0;
drop table a, b;
set foreign_key_checks = 1;

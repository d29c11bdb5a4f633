set foreign_key_checks = 0;
update users set id = id + 1000;
set foreign_key_checks = 1;

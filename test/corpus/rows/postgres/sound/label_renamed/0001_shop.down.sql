drop table payments, orders, users, teams;
drop type channel;
drop schema money;

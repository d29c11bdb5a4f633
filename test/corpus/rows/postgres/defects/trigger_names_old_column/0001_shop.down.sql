drop table payments, orders, users, teams;
drop function shout;

drop table payments, orders, users, teams;
drop view notes;

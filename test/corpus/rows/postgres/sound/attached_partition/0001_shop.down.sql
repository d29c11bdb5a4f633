drop table payments, orders, users, teams;

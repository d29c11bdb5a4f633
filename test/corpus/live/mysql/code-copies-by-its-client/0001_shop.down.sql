drop table orders, users, teams;

drop table users, plans;

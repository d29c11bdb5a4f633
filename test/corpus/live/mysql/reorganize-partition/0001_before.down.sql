drop table v;

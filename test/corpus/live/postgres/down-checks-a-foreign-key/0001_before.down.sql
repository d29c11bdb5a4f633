drop table b, a;

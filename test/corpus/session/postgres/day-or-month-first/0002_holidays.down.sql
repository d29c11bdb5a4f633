drop table holidays;

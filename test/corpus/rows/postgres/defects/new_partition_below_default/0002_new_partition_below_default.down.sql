drop table events_2000;

drop table events_old;

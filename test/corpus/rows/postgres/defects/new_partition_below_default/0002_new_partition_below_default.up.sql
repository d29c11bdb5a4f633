create table events_2000 partition of events for values from (minvalue) to ('2030-01-01');

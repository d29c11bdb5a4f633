create table events_old partition of events for values from (minvalue) to ('2024-01-01');

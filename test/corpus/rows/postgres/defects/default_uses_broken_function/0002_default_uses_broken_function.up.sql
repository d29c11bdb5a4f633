alter table counters rename column value to last;

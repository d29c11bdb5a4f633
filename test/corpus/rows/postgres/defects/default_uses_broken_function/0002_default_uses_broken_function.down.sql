alter table counters rename column last to value;

alter table rates rename column value to rate;

alter table rates rename column rate to value;

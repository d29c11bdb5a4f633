alter table events alter column at type timestamptz;

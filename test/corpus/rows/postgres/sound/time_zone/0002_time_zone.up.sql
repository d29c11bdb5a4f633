alter table orders alter column placed type timestamptz using placed at time zone 'UTC';

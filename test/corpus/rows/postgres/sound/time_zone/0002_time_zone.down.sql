alter table orders alter column placed type timestamp using placed at time zone 'UTC';

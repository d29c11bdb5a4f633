alter table customers alter column signed_up_at type timestamp using signed_up_at at time zone 'UTC';

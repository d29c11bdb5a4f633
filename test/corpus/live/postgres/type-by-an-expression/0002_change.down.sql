alter table tasks alter column took type interval using took * interval '1 minute';

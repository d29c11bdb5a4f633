alter table users alter column points type bigint;

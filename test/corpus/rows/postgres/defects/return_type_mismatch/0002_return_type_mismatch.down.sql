alter table users alter column points type integer;

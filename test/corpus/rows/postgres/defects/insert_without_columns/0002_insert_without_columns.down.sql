alter table log add column b text;

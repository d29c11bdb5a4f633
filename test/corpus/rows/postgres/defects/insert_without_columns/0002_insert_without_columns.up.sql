alter table log drop column b;

alter table accounts alter column tier type text;
drop type tier;

alter table audit rename column what to entry;

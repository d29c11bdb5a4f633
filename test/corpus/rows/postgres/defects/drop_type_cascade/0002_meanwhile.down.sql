alter table orders drop column priority;
drop type level;

alter table orders drop column seen;

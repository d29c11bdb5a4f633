alter table orders drop column source;

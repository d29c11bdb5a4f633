alter table orders drop column kind;

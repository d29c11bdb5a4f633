alter table orders drop column cents;

alter table orders drop column weight;

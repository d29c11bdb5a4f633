alter table orders drop column currency, drop column paid;

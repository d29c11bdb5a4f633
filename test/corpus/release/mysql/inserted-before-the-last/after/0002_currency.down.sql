alter table plans drop column currency;

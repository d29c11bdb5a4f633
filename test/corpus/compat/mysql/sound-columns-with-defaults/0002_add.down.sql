alter table orders drop index state, modify total_cents int not null;
alter table users drop column fax, drop column country;

drop trigger customers_added;
drop trigger customers_changed;
alter table customers drop column full_name;

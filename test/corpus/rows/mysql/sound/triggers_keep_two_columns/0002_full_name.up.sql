alter table customers add column full_name varchar(100);
create trigger customers_added before insert on customers for each row set new.full_name = coalesce(new.full_name, new.name);
create trigger customers_changed before update on customers for each row set new.full_name = coalesce(new.full_name, new.name);

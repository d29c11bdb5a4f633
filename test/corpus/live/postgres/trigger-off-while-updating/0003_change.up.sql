alter table orders disable trigger t;
update orders set note = '' where note is null or note <> '';
alter table orders enable trigger t;

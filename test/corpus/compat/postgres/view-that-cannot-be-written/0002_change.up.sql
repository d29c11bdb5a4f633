alter table orders rename to purchases;
create view orders as select id, customer, status, coalesce(note, '') as note from purchases;

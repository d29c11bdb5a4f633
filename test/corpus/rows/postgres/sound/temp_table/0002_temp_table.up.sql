create temporary table chosen on commit drop as select id from customers where id % 2 = 0;
alter table customers add column chosen boolean not null default false;
update customers set chosen = true where id in (select id from chosen);

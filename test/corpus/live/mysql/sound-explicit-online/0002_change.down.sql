alter table users drop column nick;
alter table orders drop index placed;

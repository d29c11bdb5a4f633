create table payments_new (id serial primary key, order_id int not null references orders on delete cascade, note text);
insert into payments_new select id, order_id, note from payments;
select setval('payments_new_id_seq', (select max(id) from payments_new));
drop table payments;
alter table payments_new rename to payments;

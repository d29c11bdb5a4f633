create table payments_all (id int not null, order_id int not null, note text) partition by range (id);
alter table payments_all attach partition payments for values from (1) to (1000000);

create table refunds (id serial primary key, payment_id int not null references payments, reason text not null);
create index refunds_payment on refunds (payment_id);

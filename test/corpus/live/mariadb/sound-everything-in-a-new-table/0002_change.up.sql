create table refunds (id bigint auto_increment primary key, cents integer);
alter table refunds modify cents bigint not null;
alter table refunds add check (cents > 0);

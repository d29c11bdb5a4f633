alter table payments_all detach partition payments;
drop table payments_all;

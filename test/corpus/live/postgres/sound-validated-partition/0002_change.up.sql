create table visits (customer_id bigint, day date not null) partition by range (day);
create table visits_2030 (customer_id bigint, day date not null check (day >= '2030-01-01' and day < '2031-01-01'));
alter table visits attach partition visits_2030 for values from ('2030-01-01') to ('2031-01-01');

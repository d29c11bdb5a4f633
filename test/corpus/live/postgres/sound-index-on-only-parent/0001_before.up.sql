create table visits (id bigint not null, at date not null) partition by range (at);
create table visits_a partition of visits for values from ('0001-01-01') to ('2024-01-01');
create table visits_b partition of visits for values from ('2024-01-01') to ('9999-01-01');

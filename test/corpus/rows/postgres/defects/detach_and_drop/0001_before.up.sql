create table events (id bigint not null, at date not null, primary key (id, at)) partition by range (at);
create table events_old partition of events for values from (minvalue) to ('2024-01-01');
create table events_new partition of events for values from ('2024-01-01') to (maxvalue);

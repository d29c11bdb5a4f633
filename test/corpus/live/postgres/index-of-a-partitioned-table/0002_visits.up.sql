create table visits (customer_id bigint not null, day date not null) partition by range (day);
create table visits_rest partition of visits default;

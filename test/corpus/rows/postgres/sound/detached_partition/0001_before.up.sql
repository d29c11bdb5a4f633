create table hits (site_id bigint not null, day date not null) partition by range (day);
create table hits_2020 partition of hits for values from ('2020-01-01') to ('2021-01-01');

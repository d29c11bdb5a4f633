create table sites (id bigint generated always as identity primary key);
create table hits (site_id bigint, day date not null) partition by range (day);
create table hits_a partition of hits for values from (minvalue) to (maxvalue);

create table places_new (id int primary key, lng numeric(9,6) not null, lat numeric(9,6) not null);
insert into places_new select id, lat, lng from places;
drop table places;
alter table places_new rename to places;

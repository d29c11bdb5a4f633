drop table people;
drop function norm;

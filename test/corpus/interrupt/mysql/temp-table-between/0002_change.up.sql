create temporary table picked as select 1 as id;
insert into teams (name) select concat('t', id) from picked;
drop temporary table picked;

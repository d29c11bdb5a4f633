create temporary table kept as select name from plans;

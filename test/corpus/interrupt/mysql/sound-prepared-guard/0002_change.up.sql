set @there = (select count(*) from information_schema.columns where table_schema = database() and table_name = 'users' and column_name = 'nick');
set @sql = if(@there = 0, 'alter table users add column nick varchar(30)', 'select 1');
prepare s from @sql;
execute s;
deallocate prepare s;

set @sql = if((select count(*) from information_schema.columns where table_schema = database() and table_name = 'orders' and column_name = 'total' and data_type = 'decimal') > 0, 'alter table orders modify total decimal(14,4) not null', 'select 1');
prepare s from @sql;
execute s;
deallocate prepare s;

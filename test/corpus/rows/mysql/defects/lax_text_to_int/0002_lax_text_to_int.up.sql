set @old_mode = @@sql_mode;
set sql_mode = '';
alter table users modify phone int;
set sql_mode = @old_mode;

alter table journal rename to log;

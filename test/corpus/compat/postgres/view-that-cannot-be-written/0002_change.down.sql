drop view orders;
alter table purchases rename to orders;

alter table purchases rename to orders;

alter table t drop primary key;

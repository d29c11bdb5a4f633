alter table t modify s enum('open','paid','void') not null;

update t set s = 'open' where s = 'void';
alter table t modify s enum('open','paid') not null;

alter table stock add column place varchar(20);
alter table prices drop system versioning;

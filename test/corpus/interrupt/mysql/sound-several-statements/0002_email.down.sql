drop table logins;
alter table users drop column email;

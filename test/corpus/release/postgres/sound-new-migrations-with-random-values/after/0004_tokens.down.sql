delete from plans where name = 'team';
alter table users drop column country;
alter table plans drop column changed_on, drop column token;

alter table users drop column shout;

alter table users drop constraint users_email_key;
create unique index users_email_key on users (lower(email));

drop index users_email_key;
alter table users add constraint users_email_key unique (email);

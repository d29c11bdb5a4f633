drop index users_email_lower;
alter table orders drop constraint one_of_each;

alter table orders add constraint one_of_each unique (user_id, state);
create unique index users_email_lower on users (lower(email));

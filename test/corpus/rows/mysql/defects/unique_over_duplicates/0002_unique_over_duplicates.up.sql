create unique index users_email on users (email);

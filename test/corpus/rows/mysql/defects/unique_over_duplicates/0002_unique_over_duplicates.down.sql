drop index users_email on users;

drop index users_email;

drop index users_by_email;

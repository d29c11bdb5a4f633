drop index if exists users_by_email;

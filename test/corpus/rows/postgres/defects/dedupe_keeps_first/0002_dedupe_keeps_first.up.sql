delete from users a using users b where a.id > b.id and a.email = b.email;
create unique index users_email on users (email);

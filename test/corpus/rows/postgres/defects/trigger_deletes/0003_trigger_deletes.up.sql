update users set email = lower(email) || '.x' where email is not null;

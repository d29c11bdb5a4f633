ALTER TABLE users ADD COLUMN email text;
UPDATE users SET email = (SELECT email FROM addresses WHERE user_id = users.id);
DROP TABLE addresses;

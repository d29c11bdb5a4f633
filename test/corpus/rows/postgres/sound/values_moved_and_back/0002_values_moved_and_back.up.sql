CREATE TABLE addresses (user_id integer PRIMARY KEY REFERENCES users (id), email text NOT NULL);
INSERT INTO addresses (user_id, email) SELECT id, email FROM users WHERE email IS NOT NULL;
ALTER TABLE users DROP COLUMN email;

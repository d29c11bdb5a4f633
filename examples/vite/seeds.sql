INSERT INTO notes (title) VALUES ('Write a migration'), ('Save it'), ('Look here');

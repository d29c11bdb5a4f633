update users set email = 'none@example.org' where email is null;

update users set settings = settings - 'theme' where settings ->> 'theme' = 'light';

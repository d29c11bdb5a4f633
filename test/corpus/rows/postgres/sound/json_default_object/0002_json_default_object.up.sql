update users set settings = settings || '{"theme":"light"}' where not settings ? 'theme';

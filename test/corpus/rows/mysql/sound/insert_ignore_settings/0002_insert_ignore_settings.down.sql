delete from settings where name = 'theme';

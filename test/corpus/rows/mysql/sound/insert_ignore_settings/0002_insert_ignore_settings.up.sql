insert ignore into settings (name, value) values ('theme', 'dark');

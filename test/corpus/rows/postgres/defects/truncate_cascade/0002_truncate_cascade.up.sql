truncate orders cascade;

drop trigger stamp on users;
drop function stamp;

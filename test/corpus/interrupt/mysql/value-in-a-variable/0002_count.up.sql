set @users = (select count(*) from users);
alter table users add column among int;
update users set among = @users;

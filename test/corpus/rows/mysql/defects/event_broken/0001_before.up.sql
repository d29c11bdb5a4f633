create table audit (id bigint auto_increment primary key, at datetime not null);
create event clean on schedule every 1 day do delete from audit where at < now() - interval 30 day;

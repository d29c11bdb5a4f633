select pg_advisory_unlock_all();
select pg_sleep(0.3);
create table emails (id int primary key);

lock tables teams read;
select count(*) from teams;
unlock tables;
create table flags (id int primary key);

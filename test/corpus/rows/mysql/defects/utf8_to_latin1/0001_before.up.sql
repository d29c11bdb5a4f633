create table notes (id bigint auto_increment primary key, body varchar(200) character set utf8mb4 not null);

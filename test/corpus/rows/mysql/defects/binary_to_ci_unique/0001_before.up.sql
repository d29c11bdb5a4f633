create table codes (id bigint auto_increment primary key, code varchar(50) character set utf8mb4 collate utf8mb4_bin not null, unique key codes_code (code));

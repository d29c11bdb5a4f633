alter table codes modify code varchar(50) character set utf8mb4 collate utf8mb4_general_ci not null;

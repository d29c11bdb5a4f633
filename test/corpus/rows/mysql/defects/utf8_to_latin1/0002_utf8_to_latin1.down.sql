alter table notes convert to character set utf8mb4;

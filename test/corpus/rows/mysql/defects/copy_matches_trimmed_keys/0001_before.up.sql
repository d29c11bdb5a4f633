create table products (code varchar(60) /*!50700 collate utf8mb4_0900_bin */ /*M!100000 collate utf8mb4_nopad_bin */ not null primary key, price int not null);

create table coupons (id int primary key, code varchar(60) /*!50700 collate utf8mb4_0900_bin */ /*M!100000 collate utf8mb4_nopad_bin */ not null unique);

alter table coupons modify code varchar(60) collate utf8mb4_bin;

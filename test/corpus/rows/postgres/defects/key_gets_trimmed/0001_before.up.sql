create table coupons (id int primary key, code text not null unique);

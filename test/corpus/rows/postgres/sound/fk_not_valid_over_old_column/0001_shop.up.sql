create table coupons (id bigint primary key);
create table orders (id bigint generated always as identity primary key, coupon_id bigint, total int not null);

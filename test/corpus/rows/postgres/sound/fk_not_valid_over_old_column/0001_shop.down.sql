drop table orders, coupons;

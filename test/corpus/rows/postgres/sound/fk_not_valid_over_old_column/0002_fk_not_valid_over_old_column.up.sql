alter table orders add constraint orders_coupon foreign key (coupon_id) references coupons not valid;

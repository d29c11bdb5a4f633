drop table coupons;
drop function is_code;

update coupons set code = trim(code);

rename table orders to purchases;

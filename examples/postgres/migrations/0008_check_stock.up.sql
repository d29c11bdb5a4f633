alter table products add constraint products_stock_check check (stock >= 0);

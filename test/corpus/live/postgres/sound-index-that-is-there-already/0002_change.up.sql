create index if not exists customers_pkey on customers (id);

reindex index customers_pkey;

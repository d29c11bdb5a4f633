create unique index customers_lower_email on customers (lower(email));

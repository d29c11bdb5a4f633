create index visits_by_customer on visits (customer_id);

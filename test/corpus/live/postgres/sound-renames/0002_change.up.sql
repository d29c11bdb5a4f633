alter table customers rename column nickname to display_name;
alter table invoices rename to bills;
alter index customers_pkey rename to customers_key;

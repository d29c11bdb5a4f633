alter table invoices add constraint one_each exclude using btree (customer_id with =, id with =);

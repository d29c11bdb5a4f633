comment on column invoices.cents is 'in cents';
grant select on invoices to public;
alter table invoices alter column cents set statistics 500;
alter table invoices set (autovacuum_vacuum_scale_factor = 0.05);
create statistics invoices_state on state, customer_id from invoices;

drop trigger orders_tenant on orders;
drop function set_tenant();
alter table orders drop column tenant_id;
drop table tenants;

create table tenants (id bigint primary key);
insert into tenants values (1);
alter table orders add column tenant_id bigint references tenants;
update orders set tenant_id = 1;
create function set_tenant() returns trigger language plpgsql as $$
begin
  new.tenant_id := coalesce(new.tenant_id, 1);
  return new;
end $$;
create trigger orders_tenant before insert on orders for each row execute function set_tenant();
alter table orders alter column tenant_id set not null;

do $$
begin
  if not exists (select from pg_indexes where indexname = 'invoices_by_customer') then
    create index invoices_by_customer on invoices (customer_id);
  end if;
end $$;

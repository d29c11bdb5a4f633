create table order_events (
  id integer generated always as identity primary key,
  order_id integer not null references orders on delete cascade,
  status order_status not null,
  happened_at timestamptz not null default now()
);

-- Of the orders that are already there, only where they stand today is known.
insert into order_events (order_id, status) select id, status from orders order by id;

create function log_order_status() returns trigger language plpgsql as $$
begin
  insert into order_events (order_id, status) values (new.id, new.status);
  return null;
end;
$$;

create trigger orders_log_status after insert or update of status on orders
  for each row execute function log_order_status();

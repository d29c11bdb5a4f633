-- Loses which paid orders had been shipped: before this migration there is no word for it.
update orders set status = 'paid' where status = 'shipped';

-- An enum cannot give up a value, so the type is made anew.
alter type order_status rename to order_status_with_shipped;
create type order_status as enum ('open', 'paid', 'cancelled');

alter table orders
  alter column status drop default,
  alter column status type order_status using status::text::order_status,
  alter column status set default 'open';

drop type order_status_with_shipped;

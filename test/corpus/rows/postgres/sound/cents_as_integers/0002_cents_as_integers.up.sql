alter table orders add column cents bigint;
update orders set cents = total * 100 where cents is null;

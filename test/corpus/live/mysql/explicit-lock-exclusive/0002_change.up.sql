alter table orders add index placed (placed_at), lock=exclusive;

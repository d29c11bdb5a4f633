alter table orders modify placed_at date not null;

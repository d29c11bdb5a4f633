alter table orders modify placed_at datetime(6) not null default current_timestamp(6);

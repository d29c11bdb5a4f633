alter table orders add column kind enum('gift','normal') not null;

alter table orders modify total decimal(12,2) not null;

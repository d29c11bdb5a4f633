alter table orders modify total decimal(14,4) not null;

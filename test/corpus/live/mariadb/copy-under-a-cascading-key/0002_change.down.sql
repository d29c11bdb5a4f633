alter table orders modify total decimal(10,2) not null;

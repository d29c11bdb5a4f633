alter table orders modify total int not null;

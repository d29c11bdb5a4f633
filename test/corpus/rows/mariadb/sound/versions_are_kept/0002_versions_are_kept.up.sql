alter table orders add system versioning;

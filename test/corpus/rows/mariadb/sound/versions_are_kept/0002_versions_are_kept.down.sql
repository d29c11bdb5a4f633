alter table orders drop system versioning;

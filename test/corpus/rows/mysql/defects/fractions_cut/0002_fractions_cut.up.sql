alter table orders modify placed datetime not null;

alter table orders modify placed datetime(6) not null;

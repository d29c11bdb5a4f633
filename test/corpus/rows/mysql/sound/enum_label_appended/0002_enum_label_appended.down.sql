update orders set state = 'open' where state = 'void';
alter table orders modify state enum('open','paid') not null default 'open';

alter table orders modify state enum('open','paid','void') not null default 'open';

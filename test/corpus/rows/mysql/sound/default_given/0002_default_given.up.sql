alter table orders add column currency char(3) not null default 'EUR', add column paid tinyint(1) not null default 0;

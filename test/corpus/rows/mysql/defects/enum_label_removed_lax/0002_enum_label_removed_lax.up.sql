set session sql_mode = '';
alter table orders modify state enum('open','paid') not null default 'open';

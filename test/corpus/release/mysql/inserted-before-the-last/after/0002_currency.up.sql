alter table plans add column currency char(3) not null default 'EUR';

alter table plans add column currency text not null default 'EUR';

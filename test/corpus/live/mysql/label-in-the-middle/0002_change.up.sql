alter table jobs modify state enum('new','held','paid') not null default 'new';

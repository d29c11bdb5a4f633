alter table jobs modify state enum('new','paid') not null default 'new';

alter table payments add column amount int not null default 57;
alter table payments modify amount decimal(10,3) not null;

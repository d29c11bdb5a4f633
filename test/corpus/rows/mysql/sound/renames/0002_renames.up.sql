alter table users change name full_name varchar(100) not null;
rename table payments to receipts;

alter table users rename column name to full_name;
alter table payments rename to receipts;

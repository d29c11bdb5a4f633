alter table receipts rename to payments;
alter table users rename column full_name to name;

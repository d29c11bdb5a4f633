drop trigger log_customer;
alter table audit rename column entry to what;
create trigger log_customer after insert on customers for each row insert into audit (what) values (new.email);

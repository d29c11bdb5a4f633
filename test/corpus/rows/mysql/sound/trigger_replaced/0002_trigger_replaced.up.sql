drop trigger log_customer;
alter table audit rename column what to entry;
create trigger log_customer after insert on customers for each row insert into audit (entry) values (new.email);

alter table audit rename column entry to what;

alter table audit rename column at to happened_at;

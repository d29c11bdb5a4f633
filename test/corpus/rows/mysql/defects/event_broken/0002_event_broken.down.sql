alter table audit rename column happened_at to at;

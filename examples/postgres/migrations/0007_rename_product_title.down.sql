alter table products rename column name to title;

alter table products rename column title to name;

alter table orders drop constraint known;

alter table orders drop constraint positive;

alter table orders drop constraint total_is_positive;

alter table orders add column weight int;
update orders set weight = 0 where weight is null;
alter table orders modify weight int not null;

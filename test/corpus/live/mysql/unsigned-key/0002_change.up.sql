alter table orders modify id int unsigned not null auto_increment;

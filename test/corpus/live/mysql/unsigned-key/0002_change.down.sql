alter table orders modify id int not null auto_increment;

alter table tickets modify id int not null auto_increment;

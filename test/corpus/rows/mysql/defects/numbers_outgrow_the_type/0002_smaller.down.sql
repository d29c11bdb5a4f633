alter table tickets modify id bigint not null auto_increment;

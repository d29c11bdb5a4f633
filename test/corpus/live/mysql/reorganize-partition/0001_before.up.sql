create table v (id int not null, y int not null, primary key (id, y)) partition by range (y) (partition p0 values less than (2020), partition pmax values less than maxvalue);

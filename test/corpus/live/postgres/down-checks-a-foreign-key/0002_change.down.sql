alter table b add foreign key (a_id) references a;

drop table animals;

drop table days;

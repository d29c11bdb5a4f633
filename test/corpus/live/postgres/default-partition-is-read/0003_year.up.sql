create table visits_2020 partition of visits for values from ('2001-01-01') to ('2001-02-01');

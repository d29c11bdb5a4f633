drop table emails;

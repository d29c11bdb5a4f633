alter table customers convert to character set latin1;

alter table notes convert to character set latin1;

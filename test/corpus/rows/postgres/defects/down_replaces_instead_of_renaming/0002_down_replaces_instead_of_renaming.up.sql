alter table customers rename column email to mail;

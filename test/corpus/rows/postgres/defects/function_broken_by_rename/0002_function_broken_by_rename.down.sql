alter table customers rename column mail to email;

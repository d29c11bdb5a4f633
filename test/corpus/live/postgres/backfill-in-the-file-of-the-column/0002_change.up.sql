alter table customers add column region text;
update customers set region = 'eu' where email like '%.eu';

alter table money.payments set schema public;
alter type channel rename value 'online' to 'web';

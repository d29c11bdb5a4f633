set lock_timeout = '2s';
alter table customers add constraint customers_email_once unique using index customers_email_once;

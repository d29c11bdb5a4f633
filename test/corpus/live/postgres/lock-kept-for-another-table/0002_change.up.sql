alter table customers add column note text;
update invoices set state = 'void' where cents = 0;

create domain postcode as text;
alter table customers add column postcode postcode;

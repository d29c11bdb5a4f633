alter table customers add column handle text unique;

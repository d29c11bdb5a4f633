alter table customers disable trigger touch;
alter table customers add column lang text;
update customers set lang = 'en' where lang is null;
alter table customers enable trigger touch;

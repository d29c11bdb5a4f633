alter table hits drop constraint hits_site;

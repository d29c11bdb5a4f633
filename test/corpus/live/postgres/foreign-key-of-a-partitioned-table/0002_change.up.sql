alter table hits add constraint hits_site foreign key (site_id) references sites;

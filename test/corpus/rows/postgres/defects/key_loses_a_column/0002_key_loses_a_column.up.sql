alter table articles drop constraint articles_tenant_id_slug_key;
alter table articles add constraint articles_slug_key unique (slug);

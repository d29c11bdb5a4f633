create table articles (id serial primary key, tenant_id int not null, slug text not null, unique (tenant_id, slug));

create type tier as enum ('free', 'pro');
alter table accounts alter column tier type tier using case when tier = 'pro' then 'pro'::tier else 'free' end;

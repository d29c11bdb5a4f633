create function new_code() returns text language plpgsql volatile as $$ begin return substr(md5(random()::text), 1, 8); end $$;
alter table invoices add column code text not null default new_code();

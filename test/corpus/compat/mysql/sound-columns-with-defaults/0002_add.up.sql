alter table users add column country varchar(2) not null default 'DE', add column fax varchar(30);
alter table orders modify total_cents bigint not null, add index (state);

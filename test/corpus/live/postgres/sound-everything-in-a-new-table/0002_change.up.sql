create table refunds (
  id bigint generated always as identity primary key,
  invoice_id bigint references invoices,
  cents integer
);
create index on refunds (invoice_id);
alter table refunds alter column cents set not null;
alter table refunds alter column cents type bigint;
insert into refunds (cents) select g from generate_series(1, 50) g;
update refunds set cents = cents + 1;
alter table refunds add check (cents > 0);

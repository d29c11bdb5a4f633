create type state as enum ('new', 'paid', 'sent');
update orders set status = 'new' where status not in ('new', 'paid', 'sent');
alter table orders alter column status type state using status::state;

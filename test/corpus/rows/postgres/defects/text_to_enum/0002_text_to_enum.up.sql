create type state as enum ('open', 'paid');
alter table orders alter column status drop default, alter column status type state using status::state;

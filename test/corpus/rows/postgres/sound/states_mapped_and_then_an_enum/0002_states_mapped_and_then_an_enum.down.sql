alter table orders alter column status type text;
drop type state;

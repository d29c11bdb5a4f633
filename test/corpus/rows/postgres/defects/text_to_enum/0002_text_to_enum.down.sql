alter table orders alter column status type text, alter column status set default 'open';
drop type state;

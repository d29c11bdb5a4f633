alter table payments add column note text;

alter table payments alter column note type text;

alter table payments alter column note type int using note::int;

alter table tickets alter column id type int;

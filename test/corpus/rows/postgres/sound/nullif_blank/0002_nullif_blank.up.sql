update orders set note = nullif(trim(note), '') where note is not null;

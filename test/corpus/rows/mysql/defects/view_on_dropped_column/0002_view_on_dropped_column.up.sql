alter table payments drop column note;

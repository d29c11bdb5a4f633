alter table events drop column note;

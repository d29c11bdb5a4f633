alter table events add column note text;

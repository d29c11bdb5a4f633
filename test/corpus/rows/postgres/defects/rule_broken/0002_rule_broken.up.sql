alter table log rename to journal;

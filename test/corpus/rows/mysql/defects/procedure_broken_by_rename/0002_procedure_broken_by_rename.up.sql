alter table jobs rename to tasks;

alter table tasks rename to jobs;

alter table payments rename column remark to note;

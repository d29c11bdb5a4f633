alter table payments rename column note to remark;

alter table orders alter column status type char(3) using status::char(3);

alter table customers modify nickname varchar(60);

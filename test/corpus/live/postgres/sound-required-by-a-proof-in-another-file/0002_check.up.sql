alter table customers add constraint nickname_there check (nickname is not null) not valid;

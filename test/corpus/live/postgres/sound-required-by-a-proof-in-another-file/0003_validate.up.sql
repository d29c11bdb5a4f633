alter table customers validate constraint nickname_there;

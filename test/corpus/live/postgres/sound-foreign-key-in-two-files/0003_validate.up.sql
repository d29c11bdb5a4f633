alter table customers validate constraint invited;

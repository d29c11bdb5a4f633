alter table posts drop author_id;
drop table authors;

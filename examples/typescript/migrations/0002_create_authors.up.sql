-- migrate: depends-on 0001_create_posts
create table authors (
  id int generated always as identity primary key,
  name text not null
);
alter table posts add author_id int references authors (id);

create table posts (
  id int generated always as identity primary key,
  title text not null,
  body text not null
);

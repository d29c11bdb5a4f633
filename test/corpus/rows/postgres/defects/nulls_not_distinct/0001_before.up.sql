create table seats (id bigint generated always as identity primary key, code text unique);

create table audit (id bigint generated always as identity primary key, what text not null);

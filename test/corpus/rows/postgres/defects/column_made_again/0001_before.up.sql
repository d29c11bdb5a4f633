create table fields (id bigint generated always as identity primary key, data_type text not null);

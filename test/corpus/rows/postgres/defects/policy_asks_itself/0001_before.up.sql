create table members (id serial primary key, team_id int not null, name text not null);

create table members (team_id int not null, name text not null, primary key (team_id, name));
create table notes (id serial primary key, team_id int not null, note text);

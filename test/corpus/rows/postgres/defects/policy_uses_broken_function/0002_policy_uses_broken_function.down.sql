alter table members rename column team_name to team;

alter table members rename column team to team_name;

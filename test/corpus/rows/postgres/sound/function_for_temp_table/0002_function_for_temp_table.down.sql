drop function load_teams;

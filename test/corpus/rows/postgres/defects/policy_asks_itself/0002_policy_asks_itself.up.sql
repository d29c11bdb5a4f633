alter table members enable row level security;
create policy team on members using (exists (select from members m where m.team_id = members.team_id and m.name = current_user));

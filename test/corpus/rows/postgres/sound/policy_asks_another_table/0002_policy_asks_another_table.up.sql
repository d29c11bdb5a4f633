alter table notes enable row level security;
create policy team on notes using (exists (select from members m where m.team_id = notes.team_id and m.name = current_user));

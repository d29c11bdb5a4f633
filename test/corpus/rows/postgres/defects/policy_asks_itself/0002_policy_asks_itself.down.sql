drop policy team on members;
alter table members disable row level security;

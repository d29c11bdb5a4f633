drop policy own on orders;
alter table orders disable row level security;
drop function current_app_user;

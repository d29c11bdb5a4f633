create function current_app_user() returns bigint language plpgsql stable as $$ begin return current_setting('app.user')::bigint; end $$;
alter table orders enable row level security;
create policy own on orders using (user_id = current_app_user());

do $$
begin
  if not exists (select from users) then
    create index users_by_email on users (email);
  end if;
end $$;

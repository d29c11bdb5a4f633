create procedure fill_slugs() language plpgsql as $$
begin
  loop
    update users set slug = 'user-' || id
      where id in (select id from users where slug is distinct from 'user-' || id limit 1000);
    exit when not found;
    commit;
  end loop;
end $$;

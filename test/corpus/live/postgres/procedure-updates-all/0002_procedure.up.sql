create procedure fill_slugs() language plpgsql as $$
begin
  update users set slug = 'user-' || id;
end $$;

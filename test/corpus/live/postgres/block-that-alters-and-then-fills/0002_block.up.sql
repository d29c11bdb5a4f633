do $$
begin
  alter table customers add column region text;
  update customers set region = 'eu';
end $$;

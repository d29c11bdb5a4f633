create function t() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t before update on orders for each row execute function t();

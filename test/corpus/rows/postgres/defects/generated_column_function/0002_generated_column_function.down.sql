create or replace function taxed(cents integer) returns integer language plpgsql immutable as $$ begin return cents * 119 / 100; end $$;

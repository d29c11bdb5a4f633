create or replace function taxed(cents integer) returns integer language plpgsql immutable as $$ begin return (select cents * rate from vat_rates where name = 'de'); end $$;

create table rates (name text primary key, rate numeric not null);
create function rate_of(n text) returns numeric language plpgsql stable as $$ begin return (select rate from rates where name = n); end $$;
create materialized view priced as select name, rate_of(name) as rate from rates;

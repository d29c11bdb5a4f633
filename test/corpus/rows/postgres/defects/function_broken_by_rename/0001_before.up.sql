create table customers (id bigint generated always as identity primary key, email text not null);
create function customer_email(wanted bigint) returns text language plpgsql stable as $$ begin return (select c.email from customers c where c.id = wanted); end $$;

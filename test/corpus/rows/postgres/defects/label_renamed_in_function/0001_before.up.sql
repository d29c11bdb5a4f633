create type status as enum ('open', 'done');
create table orders (id int primary key, status status not null);
create function open_orders() returns bigint language plpgsql as $$ begin return (select count(*) from orders where status = 'open'); end $$;

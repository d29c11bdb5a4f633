create function audit_count() returns bigint language plpgsql as $$ begin return (select count(*) from audit); end $$;

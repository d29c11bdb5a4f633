create function user_label(u bigint) returns text language plpgsql as $$ declare r text; begin select full_name into r from users where id = u; return r; end $$;

create function note_is_needed() returns trigger language plpgsql as $$ begin if new.note is null then raise exception 'a note is needed'; end if; return new; end $$;
create trigger note_is_needed before insert on orders for each row execute function note_is_needed();

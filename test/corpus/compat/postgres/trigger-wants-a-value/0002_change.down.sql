drop trigger note_is_needed on orders;
drop function note_is_needed();

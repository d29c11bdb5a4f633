drop trigger touch on orders;
drop function touch();

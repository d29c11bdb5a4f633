drop function size_of;
drop function size_in;

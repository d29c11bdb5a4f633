drop function count_of;

drop function total_of;

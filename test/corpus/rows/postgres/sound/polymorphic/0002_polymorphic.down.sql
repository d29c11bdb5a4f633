drop function first_of; drop function add_days; drop function rows_of;
